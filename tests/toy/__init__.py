"""A survey that nothing outside this folder knows: ten columns, packets of its own."""
