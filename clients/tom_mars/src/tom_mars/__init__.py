"""MARS as a data service of TOM Toolkit. It knows MARS by HTTP alone."""
