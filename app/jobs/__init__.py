"""Work that takes longer than an answer may: rows and a queue, one worker, files of results.

It knows no kind of work: each is handed to it as a value (worker.Kind).
"""
