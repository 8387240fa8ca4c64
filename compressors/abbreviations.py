"""Words that end with a full stop of their own, in the languages with a Latin or Cyrillic script.

All are in lower case and without their last full stop.
"""

from __future__ import annotations

from typing import Final


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_NEVER_LAST: Final = _words(
    "vs v cf approx figs vols pp eds trans ext e.g i.e p.s viz eq eqs resp",
    "hr hrn bzw vgl evtl ggf sog inkl zzgl nr str z.b u.a d.h abb insb ehem geb gest hrsg",
    "mme mmes mlle mlles mgr env",
    "sra srta dña dra núm pág págs hab ee",
    "sig.ra dott prof.ssa bijv d.w.z o.a dhr mevr np tzw t.ex bl.a",
    "г-н г-жа им ул просп акад проф пл табл ок букв",
)
"""Something that belongs to them always follows."""

_NEVER_LAST_CAPITAL: Final = _words(
    "mr mrs ms dr drs prof gen col sgt capt lt rev hon pres gov sen rep supt cmdr adm maj messrs",
    "m mm ing lic arq sig av",
    "fig vol",
)
"""The same, with a capital only: without it they are words, or units."""

_NEVER_LAST_SMALL: Final = _words("ca ed fig vol av")
"""The same, in small letters only: CA is a state, ED a department."""

_SELDOM_LAST: Final = _words(
    "inc ltd co corp pvt jr sr bros dept univ assn mt st ft ave blvd rd etc al ph.d",
    "jan feb apr aug",
    "usw u.s.w std mio mrd tsd jh jhd a.m p.m b.c a.d u.s u.k u.n d.c nos op cit",
    "uu ud uds vd aprox",
    "г в вв тыс млн млрд руб пр т.е н.э см стр чел",
)
"""A sentence may end with them, but only the next word can say so."""

_SELDOM_LAST_CAPITAL: Final = _words("mar jun jul sep sept oct nov dec mon tue wed thu fri sat sun")
"""The same, with a capital only: the sun, the sea, the French seven are words."""

NUMBERED: Final = _words(
    "no nos p pp vol vols fig figs op art sec sect ch eq eqs ref refs tab approx",
    "est aft bef max min",
    "nr núm pág abb abs bd kap стр рис табл ст абз гл род",
)
"""With a number behind them they do not end a sentence."""

FIRST_WORDS: Final = _words(
    "the a an this that these those he she it they we you i in on at by for from with to of as",
    "his her its their our my there here when while after before although though however but and",
    "so if what who how why where which some many most all one not since during",
    "another both each such then thus moreover furthermore meanwhile later also therefore because",
    "according despite instead finally until",
    "der die das ein eine er sie es wir im in am dies diese dieser dieses man auch seit nach bei",
    "le la les un une il elle ils elles el los las en et ce cette ces dans mais puis après",
    "este esta se su sus por para",
    "он она оно они это в во на но и с по из после однако также при его её их как",
)
"""Words that, with a capital, start a sentence rather than a name."""

MONTHS: Final = _words(
    "januar jänner februar märz april mai juni juli august september oktober november dezember",
    "jahrhundert jahrhunderts jh",
)
"""What a German ordinal number stands before."""

_ALL: Final = (_NEVER_LAST | _NEVER_LAST_CAPITAL | _NEVER_LAST_SMALL | _SELDOM_LAST) | frozenset(
    NUMBERED - {"no", "art"}
)


def known(word: str) -> bool:
    """Whether the lower-case word is an abbreviation even where nothing has a capital."""
    return word in _ALL


def never_last(word: str) -> bool:
    """Whether what belongs to the word always follows; its case counts."""
    small = word.lower()
    if small in _NEVER_LAST:
        return True
    return small in (_NEVER_LAST_SMALL if word[0].islower() else _NEVER_LAST_CAPITAL)


def seldom_last(word: str) -> bool:
    """Whether only the next word can say if a sentence ends here; its case counts."""
    small = word.lower()
    return small in _SELDOM_LAST or (small in _SELDOM_LAST_CAPITAL and not word[0].islower())
