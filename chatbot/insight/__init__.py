"""How the service does, in figures: counted per day, kept in a roll-up, read over a period.

    counting.py    messages and replies -> counts per day, language, model version and topic
    roll_up.py     the task that keeps finished days (idempotent; late messages, ratings and deletions are corrected)
    reading.py     a period's counts: kept days from the roll-up, today and what isn't kept yet counted at once
    figures.py     counts -> what a page shows
    statistics.py  intervals, quantiles, and when there is too little to say

Knows nothing of pages, charts or words; loads no model.
"""
