from __future__ import annotations

from training.examples import annotated, answering, document, plain


def test_the_sentence_that_holds_the_evidence_supports() -> None:
    text = "Paris is in France. It has a tower. Many come."

    one = document("The_City", text, ((text.index("tower"), text.index("tower") + 5),))

    assert one.title == "The City"
    assert [text[a:b].strip() for a, b in (one.spans[i] for i in one.support)] == [
        "It has a tower."
    ]


def test_annotated_sentences_keep_their_labels_when_the_text_is_cut_again() -> None:
    one = annotated("", ["One two.", " Three", "four. ", "Five."], [3])

    assert one.text == "One two. Three four. Five."
    assert [one.text[a:b] for a, b in (one.spans[i] for i in one.support)] == ["Five."]


def test_every_sentence_with_an_answer_supports() -> None:
    one = answering("", "In 1901 he came. In 1902 he went. Then 1901 was over.", ("1901",))

    assert one.support == {0, 2}


def test_treebank_tokens_become_plain_text() -> None:
    assert plain("He did n't say `` no '' ( at first ) , he 's kind .") == (
        "He didn't say \"no\" (at first), he's kind."
    )
