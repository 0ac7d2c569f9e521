"""Runs the Python blocks of the Markdown files named: what people copy has to work. At least one block must be there."""

import re
import sys
from pathlib import Path

count = 0
for name in sys.argv[1:]:
    for block in re.findall(r"^```python\n(.*?)^```$", Path(name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        count += 1
        exec(compile(block, f"{name}, block {count}", "exec"), {"__name__": "__main__"})
if count == 0:
    sys.exit("no Python block was found")
print(f"{count} Python blocks passed")
