"""Where bytes lie: quarantine, work, public."""
