"""The control room's own papers: handover notes, the declared calendar, drills, and incidents that a person reports.

What people write down lives here, each act in the audit log in the same transaction. What sensors say, and what was
decided about it, does not: that is `hub.store`.
"""
