"""How an answer is written and sent: formats, headers, codings, ranges. It knows no alert."""
