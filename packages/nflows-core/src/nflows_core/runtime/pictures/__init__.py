"""The way of pictures through a command: what is planned, done with each, written beside it, and told of all.

An application writes a `nflows_core.runtime.pictures.work.Work`, a frozen dataclass of settings that makes of one
picture another, gives its command `nflows_core.runtime.pictures.options.picture_options`, and calls
`nflows_core.runtime.pictures.running.plan_pictures`, which checks what needs no model, and then ``run_pictures``.
"""
