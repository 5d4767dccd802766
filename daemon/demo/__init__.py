"""The demo: two local systems, one real daemon, and a look at both after every step.

`play` has the order of events; each scene checks what it shows, in the apps' own words.
"""
