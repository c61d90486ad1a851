"""Networks of others' formats, read as ours, and ours written as theirs: begin with `read_file.py`."""
