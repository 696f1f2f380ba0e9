"""Look at traffic: the modules that open files and sockets, loaded in children only."""
