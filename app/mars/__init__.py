"""The words of the first MARS: its form, its pages with numbers, its JSON."""
