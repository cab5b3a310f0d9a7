"""Measure the API beside what it competes with, over HTTP and from outside its process."""
