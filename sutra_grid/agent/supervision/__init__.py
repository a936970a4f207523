"""The supervision of all nodes of an agent: who may start, what is adopted, one thread that decides and acts."""
