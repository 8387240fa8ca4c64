"""Texts that a summarizer has to prove itself on, with what their readers would ask for.

Written for this project; the places and people are invented. Each text has its facts among
sentences that say little, as retrieved passages do. An answer stands in its text word by word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Trial:
    """A text, its language by ISO 639-1, and the answers to questions about it."""

    language: str
    text: str
    answers: tuple[str, ...]


TRIALS: Final = (
    Trial(
        "en",
        "The stone bridge at Harrow Mill was built in 1742 by the mason Edwin Tarrant. People in "
        "the village like to walk there in the evening, and many of them have a favourite spot. "
        "The bridge has seven arches and is 96 metres long. It was closed to cars in March 1988 "
        "after a flood damaged two of the arches. Nobody who grew up there thinks much of it.",
        ("1742", "Edwin Tarrant", "seven arches", "96 metres", "March 1988"),
    ),
    Trial(
        "en",
        "As with most things in the kitchen, patience is half of the work. Soak the beans in cold "
        "water for twelve hours and then simmer them for ninety minutes. Do not add salt before "
        "the beans are soft, because it keeps the skins tough. Everybody has an opinion on this. "
        "A spoon of vinegar at the end brings out the taste, and leftovers keep for four days in "
        "the fridge.",
        ("twelve hours", "ninety minutes", "before the beans are soft", "vinegar", "four days"),
    ),
    Trial(
        "en",
        "Velmora Air announced on Tuesday that it will end flights between Lisbon and Oslo on 30 "
        "June. It has been a long spring for everybody in the business. The airline blamed high "
        "fuel prices and a shortage of pilots. Passengers who hold tickets can choose a refund or "
        "a seat by way of Copenhagen. There were, as one would expect, some angry voices.",
        ("Lisbon and Oslo", "30 June", "shortage of pilots", "refund", "Copenhagen"),
    ),
    Trial(
        "en",
        "The marsh heron is a shy bird that few visitors ever see. It nests in reed beds and lays "
        "three or four pale green eggs in April. There is something calming about a place where "
        "so little happens. Both parents feed the chicks, mostly with frogs and small eels. "
        "Numbers fell by half between 1990 and 2010, when farmers drained the wetlands along the "
        "Tolle river.",
        ("reed beds", "three or four", "April", "frogs and small eels", "Tolle river"),
    ),
    Trial(
        "en",
        "To reset the Corvin 300 heater, hold the green button for ten seconds until the lamp "
        "blinks. You may want to read the whole page before you begin. Never reset it while the "
        "gas valve is open. If the lamp shows error code E17, the fan is blocked and must be "
        "cleaned. As always, keep the manual in a place where you will find it again. Service is "
        "due every two years.",
        ("green button", "ten seconds", "gas valve is open", "E17", "two years"),
    ),
    Trial(
        "en",
        "Dr. Ilse Brandt received the Morland Prize for her work on the vision of bees. It was a "
        "warm evening, and the hall was full to the last row. She showed that bees can tell human "
        "faces apart after five days of training. The prize is worth 80,000 euros. She said that "
        "she would spend the money on a field station near Graz, where her students can work in "
        "summer.",
        ("Ilse Brandt", "Morland Prize", "human faces", "80,000 euros", "Graz"),
    ),
    Trial(
        "en",
        "Tenants must give notice in writing at least three months before they move out. Many "
        "people forget about this, which is only human. The deposit is returned within six weeks, "
        "less the cost of any damage. Pets are not allowed except with the consent of the owner. "
        "There is, after all, a lot of paper in a life. The rent may rise once a year, by no more "
        "than four percent.",
        ("in writing", "three months", "six weeks", "consent of the owner", "four percent"),
    ),
    Trial(
        "en",
        "The island of Sarn has 412 inhabitants and no airport. Ferries leave from Port Aldwyn "
        "twice a day, except in January, when storms close the harbour. One hears the same "
        "stories there again and again. Most families live from fishing and from wool. In 2006 "
        "the islanders bought the island for 1.9 million pounds, and a council of nine members "
        "has run it since.",
        ("412", "Port Aldwyn", "January", "1.9 million pounds", "nine members"),
    ),
    Trial(
        "en",
        "In the final at Brenwick, Kestrel United beat the Harbour Rovers by two goals to one. It "
        "had rained since the morning, and the pitch looked like it. Sonja Vale scored both goals "
        "for United, the second from a free kick in the 88th minute. Some of the crowd had come a "
        "long way for this. The Rovers played the last half hour without their captain, who was "
        "sent off for a foul.",
        ("Kestrel United", "two goals to one", "Sonja Vale", "88th minute", "sent off for a foul"),
    ),
    Trial(
        "en",
        "A study of 1,250 nurses found that those who worked nights for more than five years "
        "slept an hour less than others. Of course, everyone is different, and so is every job. "
        "The effect was strongest in nurses above the age of fifty. The authors, from the "
        "University of Tarvik, advise no more than three night shifts in a row. It is not the "
        "first study of its kind, nor will it be the last.",
        ("1,250 nurses", "an hour less", "age of fifty", "University of Tarvik", "three night"),
    ),
    Trial(
        "de",
        "Das Museum am Lindenplatz zeigt ab dem 4. Mai alte Uhren aus sechs Ländern. Man kann "
        "dort gut einen verregneten Nachmittag verbringen. Das älteste Stück stammt aus dem Jahr "
        "1587 und gehörte dem Uhrmacher Jost Wendler. Der Eintritt kostet neun Euro, Kinder zahlen "
        "nichts. Vieles im Leben ist ja teurer geworden. Montags bleibt das Haus geschlossen.",
        ("4. Mai", "sechs Ländern", "1587", "Jost Wendler", "neun Euro"),
    ),
    Trial(
        "fr",
        "La mairie de Valbrune va planter 600 arbres avant la fin de novembre. Tout le monde en "
        "parle au marché, et chacun a son avis. Le projet coûte 240 000 euros, dont la moitié est "
        "payée par la région. Les premiers arbres seront plantés rue des Tanneurs, où l'ombre "
        "manque le plus. On verra bien ce que cela donnera. Les voitures n'y passeront plus le "
        "dimanche.",
        ("600 arbres", "novembre", "240 000 euros", "rue des Tanneurs", "dimanche"),
    ),
    Trial(
        "es",
        "El faro de Punta Brea se encendió por primera vez en 1864 y mide 31 metros. Es un lugar "
        "que gusta a casi todos los que pasan por allí. El último farero, Julio Arana, se jubiló "
        "en 1999, cuando la luz se hizo automática. Como suele pasar, nadie pensó mucho en ello. "
        "Hoy hay un pequeño hotel de cinco habitaciones que solo abre de mayo a septiembre.",
        ("1864", "31 metros", "Julio Arana", "cinco habitaciones", "mayo a septiembre"),
    ),
    Trial(
        "ru",
        "Школа в посёлке Лесная Горка открылась в 1953 году и была рассчитана на 240 учеников. "
        "Многие вспоминают её с теплом, как это обычно бывает. Первым директором стала Анна "
        "Воронина, которая преподавала физику. В прошлом году здание отремонтировали за 18 "
        "миллионов рублей. Время, как известно, не стоит на месте. Уроки начинаются в восемь "
        "часов утра.",
        ("1953", "240 учеников", "Анна Воронина", "18 миллионов рублей", "восемь часов"),
    ),
    Trial(
        "zh",
        "青石镇的老茶馆建于1896年，第一位主人叫陈家平。很多人喜欢在那里坐一个下午，什么也不做。"
        "茶馆有二十四张桌子，最有名的是桂花绿茶，每杯十五元。日子总是这样一天一天过去。"
        "2012年茶馆因为火灾关了八个月，后来由镇上的居民出钱修好。星期三不营业。",
        ("1896年", "陈家平", "二十四张桌子", "桂花绿茶", "八个月"),
    ),
)
