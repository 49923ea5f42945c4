class ProgramError(RuntimeError):
    """The program im-profiles is missing, has another version, or has failed; the text has its last error line.

    Attributes:
        exit_code: The exit code of the program, negative for a signal; None if the program did not run to its end. With
            75, the same call can succeed later.
    """

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        """Keeps the message and the exit code."""
        super().__init__(message)
        self.exit_code = exit_code
