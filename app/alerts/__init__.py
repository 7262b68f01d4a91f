"""A Search -> SQL -> rows -> a page -> bytes. Of requests it knows only how long they wait."""
