"""Several hubs of one city: which of them works on it now, and how the others hear what it did.

Every hub takes in what sensors send, answers people and shows the same incidents, because log (JetStream) and state
(PostgreSQL) are shared. One of them **owns** the city, by a lease in the state: it alone fuses, dispatches, keeps time
and writes series. A hub that dies, hangs or is cut off loses it, and another goes on from the positions in the log.
`lease` is the row, `ownership` who holds it and what runs while it does, `company` what the others have to hear of.

There is one partition, the whole city. Districts with owners of their own, and sensors of a border that two of them
hear, are not built.
"""
