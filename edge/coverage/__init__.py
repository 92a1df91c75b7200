"""The coverage log: which ground was looked at, when and how well, so that "no cases" means looked and found none.

No picture, no thing seen and nothing of the device is in it: only where the camera could have seen a stall.
"""
