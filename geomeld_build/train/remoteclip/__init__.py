"""RemoteCLIP: how near a text is to a picture, from a local file of weights."""
