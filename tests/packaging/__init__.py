"""What holds for the whole: wheel, notebooks, sizes of files, what is done at one place, what is reached outside."""
