"""`make demo`: a whole Titlebout on one machine, from nothing to a served and watched champion."""
