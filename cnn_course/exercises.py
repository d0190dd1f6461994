"""Exercises that answer at once: the reader replaces `...`, runs the cell, and reads whether it is right."""


def check(answer, test, hint="", why=""):
    """Print "Right." and why, or "Not yet." and a hint, or that nothing was answered (None or ...).

    test: a function of the answer that is true when it is right. An answer that it cannot take counts as not
    yet. Raises ValueError where test is no function.
    """
    if not callable(test):
        raise ValueError(f"test is {test!r}; expected a function, such as lambda answer: answer == 5")
    if answer is None or answer is ...:
        print("Not answered yet: put your answer in place of the dots and run the cell again.")
        return
    try:
        right = bool(test(answer))
    except Exception as error:  # whatever the reader typed must end in a sentence, not in a traceback
        kind = type(answer).__name__
        print(f"Not yet. The check cannot use an answer of type {kind} ({error}). {hint}".rstrip())
        return
    print(f"Right. {why}".rstrip() if right else f"Not yet. {hint}".rstrip())
