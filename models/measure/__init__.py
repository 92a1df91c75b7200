"""Measuring a bundle as it will run.

::

    yolo_folder   any YOLO folder -> labelled pictures, with what is wrong in it
    detect        bundle + pictures -> Matches: what was found, what was there
    matching      which detection hits which labelled box
    average       Matches as arrays; average precision for any weighting of the pictures
    bootstrap     intervals by drawing places again
    threshold     the confidence a learnt cue is reported from, chosen on validation
    rows          one row per cue, source and split
    baseline      the start weights as a detector of the same shape, for the second column
    curves, failures, training_curves   pictures for the card
    report        the result as JSON
"""
