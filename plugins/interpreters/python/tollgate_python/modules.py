"""The standard library, loaded while the component is built: at run time there are no files, so that what is not loaded
here is not there, and an import is a look into a dict."""

import importlib
import pkgutil

import encodings

_NAMES = """
__future__ abc annotationlib argparse array ast asyncio base64 binascii bisect builtins bz2 calendar cmath cmd code codecs
codeop collections collections.abc colorsys compileall concurrent.futures concurrent.futures.thread configparser contextlib
contextvars copy copyreg csv dataclasses datetime dbm decimal difflib dis doctest email email.message email.mime.multipart
email.mime.text email.parser email.policy email.utils enum errno filecmp fileinput fnmatch fractions ftplib functools gc
getopt getpass gettext glob graphlib gzip hashlib heapq hmac html html.entities html.parser http http.client http.cookies
http.cookiejar imaplib importlib importlib.abc importlib.machinery importlib.metadata importlib.resources importlib.util
inspect io ipaddress itertools json json.tool keyword linecache locale logging logging.config logging.handlers lzma marshal
math mimetypes netrc numbers opcode operator optparse os os.path pathlib pickle pickletools pkgutil platform plistlib poplib
pprint profile pstats queue quopri random re reprlib sched secrets select selectors shelve shlex shutil signal smtplib socket
socketserver sqlite3 ssl stat statistics string string.templatelib stringprep struct subprocess symtable sys sysconfig
tabnanny tarfile tempfile textwrap threading time timeit token tokenize tomllib trace traceback tracemalloc types typing
unicodedata unittest unittest.mock urllib urllib.error urllib.parse urllib.request urllib.response uuid warnings wave weakref
wsgiref xml.dom.minidom xml.etree.ElementTree xml.sax xmlrpc.client zipfile zipimport zlib zoneinfo
"""


def _load():
    """Loads what this build of Python has; some parts are left out of it, as `ssl` and `sqlite3`."""
    names = _NAMES.split()
    names += [f"encodings.{module.name}" for module in pkgutil.iter_modules(encodings.__path__)]
    return [name for name in names if not _is_there(name)]


def _is_there(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


# What is not there.
MISSING = frozenset(_load())
