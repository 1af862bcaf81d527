"""Training-serving skew: answers and inputs of the model server, compared with the version and the data offline."""
