"""The pages: what they show is what the code says, every link and path leads somewhere, every example runs."""
