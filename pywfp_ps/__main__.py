"""``python -m pywfp_ps`` is the command ``wfp``."""

from pywfp_ps.cli import main

if __name__ == "__main__":
    main()
