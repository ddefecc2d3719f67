"""What the machine does once it is up: the cases, or its part in the power cuts."""

import pathlib
import sys

sys.path.append("/cases")

if pathlib.Path("/packages/chosen").read_text() == "power_cuts":
    import power
    power.main()
else:
    import run
    run.main(["a_key_is_plugged_in", "the_kernel_enforces_the_sandbox"], always=None)
