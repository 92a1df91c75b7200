"""Pass registration: the shift that lays everything a pass saw onto what the map knows.

GNSS is metres off in a street canyon, and off by the same metres for everything seen within a minute. One stall that
stands 3 m from an empty pitch says nothing; five stalls, each 3 m east of one, say that the fix is 3 m off. How:

* `attraction`: how likely a thing stands at each point, by the same densities that the verdict uses;
* `posterior`: the offset over time as a hidden Markov chain on a grid, with drift and jumps. The answer for a thing
  comes from all *other* things, so that nothing is drawn into a pitch by itself;
* `anchors`: which tracks bear on the offset, and which of them are one thing;
* `register`: the whole, for one pass. A match that could as well be another one is refused.

Things of a standing camera are never registered: its position was surveyed.
"""

from detector.geo.registration.apply import apply
from detector.geo.registration.model import FixErrors, Landmark, Refusal, Registration
from detector.geo.registration.register import Registrar, register

__all__ = ["FixErrors", "Landmark", "Refusal", "Registrar", "Registration", "apply", "register"]
