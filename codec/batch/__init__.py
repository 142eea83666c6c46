"""`codec batch`: a tree of photos to a tree of small pictures, and back.

    sources ─ plan ─► tasks ─ engine ─► rows ─► manifest
               ▲                                   │
               └────────── what is done ◄──────────┘

* `stores` and `objects`: a local folder or an fsspec URL; both list, read, write whole files, and append logs.
* `manifest`: one row for each file, appended as JSON lines, and an index of them that knows what is done.
* `names` and `plan`: which files are pictures, what their outputs are called, and which of them are still to do.
* `work`: one file; never raises because of it.
* `local` and `on_ray`: engines, which carry tasks to workers and bring back rows. Each is a function
  `run(tasks, job, workers, …) -> Iterator[Row]`; of every task comes one row, also if the worker dies.

An engine takes tasks as workers become idle, so that listing, working and recording go on side by side and nothing
but the files at work is held in memory.
"""
