"""Makes models: labelled pictures in; a trained, measured, exported and checked bundle out.

Only this package may import torch or ultralytics, and only inside functions, so that everything which needs no
training (reading a recipe, building the data set's split, verifying a bundle) runs without them.
"""
