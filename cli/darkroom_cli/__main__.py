"""`python -m darkroom_cli` does the same as `darkroom`."""

from darkroom_cli.main import app

if __name__ == "__main__":
    app(prog_name="darkroom")
