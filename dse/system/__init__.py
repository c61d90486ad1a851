"""The system table: ops against the MAC on whole machines, each by its best design of an exact sweep."""
