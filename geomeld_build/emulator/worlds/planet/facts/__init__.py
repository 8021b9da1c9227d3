"""What is really there: facts about tiles of the simulated planet, for tests. Nothing of it is served."""
