-- Which driver an assertion means that names none: the one that was started or loaded last.
return { driver = nil }
