"""What every Python below `nntui run` starts with: the user's own sitecustomize, and a wait for torch.

Any Python may come by, with nntui installed or not: this imports nothing that is not loaded already, and leaves `sys.path` and
`sys.modules` as they would be without it. Once torch is loaded, `nntui.unmodified.attach` takes over.
"""

import os
import sys


class _Waiting:
    """A finder that finds nothing, and has something to do once torch is loaded."""

    _looking = False

    def find_spec(self, name, path=None, target=None):
        """Torch as the other finders find it."""
        if name != "torch" or self._looking:
            return None
        self._looking = True
        try:
            spec = next(
                filter(None, (f.find_spec(name, path, target) for f in list(sys.meta_path) if f is not self)), None
            )
        finally:
            self._looking = False
        self._follow(getattr(spec, "loader", None))
        return spec

    def _follow(self, loader):
        plain = getattr(loader, "exec_module", None)
        if plain is None:
            return

        def exec_module(module):
            del loader.exec_module  # what is left of torch's loader is torch's
            plain(module)
            self._arrived()

        try:
            loader.exec_module = exec_module
        except AttributeError:
            pass

    def _arrived(self):
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        try:
            _record()
        except Exception as error:
            _say(type(error).__name__ + ": " + str(error))


def _record():
    try:
        from nntui.unmodified import attach
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "nntui":
            raise
        found = "no nntui" if error.name == "nntui" else "an nntui that does not know `nntui run`"
        _say(sys.executable + " has " + found + ". Install it there: " + sys.executable + " -m pip install -U nntui.")
    else:
        attach.begin()


def _say(what):
    os.environ["NNTUI_RECORD"] = ""  # once is enough, for the processes that this one starts too
    try:
        sys.stderr.write("nntui: nothing is recorded: " + what + "\n")
    except Exception:
        pass


def _start():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if os.path.abspath(place or os.curdir) != here]
    if os.environ.get("NNTUI_RECORD"):
        sys.meta_path.insert(0, _Waiting())
    sys.modules.pop(__name__, None)
    import sitecustomize  # the user's own; where there is none, nobody misses this one either  # noqa: F401


_start()
