"""The vision-language model in the cascade: which frames it is asked about, and what that says."""
