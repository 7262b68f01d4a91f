"""Pages for people: what they show, and the templates that show it.

A new page is a route in routes/pages/, what it shows here, and a template in templates/.
"""
