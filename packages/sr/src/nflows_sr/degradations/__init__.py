"""How a large picture becomes a small one: bicubic as MATLAB does it, and the chain of a camera and the web."""
