"""The folder of what is imported as `limen.NAME`: each file is the public face of a part that needs an extra."""
