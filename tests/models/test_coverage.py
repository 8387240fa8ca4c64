"""What the embedded model's vocabulary covers; all texts were written for this test."""

from __future__ import annotations

import pytest

from compressors.models.coverage import Coverage, VocabularyReader

ENGLISH = {
    "prose": "The harbour freezes in winter, and nobody has ever swum there before the end of May.",
    "question": "when does the harbour freeze",
    "medicine": (
        "Patients with refractory thrombocytopenia received eculizumab or romiplostim; alveolar "
        "macrophages were stained for myeloperoxidase before the second bronchoalveolar lavage."
    ),
    "names": "Ngozi Okonjo-Iweala, Krzysztof Kieślowski and Thích Nhất Hạnh met in Antananarivo.",
    "a foreign name inside": (
        "The town of Őrhalom (Hungarian for guard hill, in old maps Эрхалом) is in the north."
    ),
    "code": (
        "def tokenizer_of(self, checkpoint: Path) -> PreTrainedTokenizerFast:\n"
        "    kwargs = {'trust_remote_code': False}\n"
        "    return AutoTokenizer.from_pretrained(str(checkpoint), **kwargs)\n"
    ),
    "table": "| Rank | Player | Won |\n| --- | --- | --- |\n| 1 | Okafor | 3 |\n| 2 | Szabó | 2 |",
    "numbers": "1,204.5 17% 2026-11-24 +49 30 1234567",
    "identifiers": '{"a81f3c2e-77b0": "f00dfeed-0042"}',
    "nothing": "",
    "signs": "*** --- !!! ✓",
    "upper case": "THE HARBOUR IS CLOSED TO ALL VESSELS UNTIL FURTHER NOTICE",
    "lower case": "the harbour is closed to all vessels until further notice",
}
FOREIGN = {
    "German": "Der Hafen friert im Winter zu, und vor Ende Mai ist dort nie jemand geschwommen.",
    "Spanish": "El puerto se congela en invierno y nadie ha nadado nunca allí antes de mayo.",
    "French": "Le port gèle en hiver et personne n'y a jamais nagé avant la fin du mois de mai.",
    "Polish": "Zimą port zamarza i nikt nigdy nie pływał tam przed końcem maja.",
    "Turkish": "Liman kışın donar ve mayıs sonundan önce orada hiç kimse yüzmemiştir.",
    "Vietnamese": "Bến cảng đóng băng vào mùa đông và chưa ai từng bơi ở đó trước cuối tháng năm.",
    "Russian": "Зимой гавань замерзает, и до конца мая там ещё никто не купался.",
    "Greek": "Το λιμάνι παγώνει τον χειμώνα και κανείς δεν έχει κολυμπήσει εκεί πριν από τον Μάιο.",
    "Arabic": "يتجمد الميناء في الشتاء ولم يسبح أحد هناك قبل نهاية مايو.",
    "Hindi": "सर्दियों में बंदरगाह जम जाता है और मई के अंत से पहले वहाँ कोई नहीं तैरा है।",
    "Chinese": "港口冬天结冰，五月底之前从来没有人在那里游泳。",
    "Japanese": "港は冬に凍り、五月の終わりまで誰もそこで泳いだことがない。",
    "Korean": "항구는 겨울에 얼고, 오월 말 전에는 아무도 거기서 수영한 적이 없다.",
    "Thai": "ท่าเรือจะกลายเป็นน้ำแข็งในฤดูหนาวและไม่มีใครเคยว่ายน้ำที่นั่นก่อนสิ้นเดือนพฤษภาคม",
}


@pytest.fixture(scope="module")
def reader() -> VocabularyReader:
    return VocabularyReader.load()


@pytest.mark.parametrize("kind", ENGLISH)
def test_reads_english_of_any_kind(reader: VocabularyReader, kind: str) -> None:
    assert reader.reads([ENGLISH[kind]]) == [True]


@pytest.mark.parametrize("language", FOREIGN)
def test_does_not_read_other_languages(reader: VocabularyReader, language: str) -> None:
    assert reader.reads([FOREIGN[language]]) == [False]


def test_tells_the_documents_of_one_request_apart(reader: VocabularyReader) -> None:
    texts = [ENGLISH["question"], FOREIGN["Chinese"], ENGLISH["prose"], FOREIGN["German"]]

    assert reader.reads(texts) == [True, False, True, False]


def test_a_query_of_names_is_taken_for_the_language_of_the_documents(
    reader: VocabularyReader,
) -> None:
    query = "Okonjo-Iweala Antananarivo?"

    assert reader.reads([query, FOREIGN["German"]])[0] is False
    assert reader.reads([query, ENGLISH["prose"]])[0] is True


def test_counts_words_and_not_their_pieces(reader: VocabularyReader) -> None:
    text = "the harbour kauwgomballenautomaat Zwijndrecht v2 港口"

    assert reader.coverages([text]) == [Coverage(known=2, foreign=3)]


def test_control_tokens_and_endless_words_are_only_text(reader: VocabularyReader) -> None:
    texts = ["[SEP] [UNK] [CLS]", "x" * 100_000, "\x00\x01", "\ud7ff" * 10]

    assert reader.reads(texts)[:3] == [True, True, True]
