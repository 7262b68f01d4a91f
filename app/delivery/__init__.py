"""What watches find is sent to those who asked for it: at least once, in order, each range alone.

It knows neither pages nor requests. Whoever it sends to must have agreed, and must be public.
"""
