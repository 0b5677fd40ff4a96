"""The standard library that scripts commonly import, loaded while the component is built: at run time an import is then
a look into a dict. Other modules are there too, and take some milliseconds the first time."""

import abc, argparse, array, ast, asyncio, base64, binascii, bisect, builtins, calendar, cmath, codecs  # noqa: E401, F401
import collections, collections.abc, concurrent.futures, configparser, contextlib, contextvars, copy  # noqa: E401, F401
import csv, dataclasses, datetime, decimal, difflib, enum, errno, fnmatch, fractions, functools, gc  # noqa: E401, F401
import graphlib, hashlib, heapq, hmac, html, html.parser, inspect, io, ipaddress, itertools, json  # noqa: E401, F401
import keyword, linecache, locale, logging, math, numbers, operator, os, os.path, pathlib, pickle  # noqa: E401, F401
import pprint, queue, random, re, reprlib, secrets, shlex, signal, statistics, string, struct, sys  # noqa: E401, F401
import tempfile, textwrap, threading, time, timeit, traceback, types, typing, unicodedata, unittest  # noqa: E401, F401
import unittest.mock, urllib.parse, uuid, warnings, weakref, xml.etree.ElementTree, zlib, zoneinfo  # noqa: E401, F401
