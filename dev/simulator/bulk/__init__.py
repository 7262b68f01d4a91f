"""Rows of millions of alerts, made column by column and copied into the archive, without packets.

The sky is a simpler one than that of the packets: each object's alerts are drawn first, and its
light curve is then held above the limit where there is an alert, and below it where there is none.
Every value follows from object, visit and seed alone: so histories agree with the alerts before.
"""
