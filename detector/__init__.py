"""What is seen, where it is, and whether it breaks an order.

Data flows one way: ``Frame -> Detections -> Track -> Hit -> Evidence -> Report``. This package knows no
network, no database and no trainer; `edge`, `server` and `models` stand on it and never on each other.
"""
