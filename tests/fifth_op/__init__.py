"""An op that Limen does not have, registered for a while: all that it takes to add one."""
