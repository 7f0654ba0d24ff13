"""Text classification from an artifact folder. Plain Python: no Django.

::

    classifier = Classifier.load(Path("emotions/pretrained"))
    probabilities = classifier.predict(["Thank you so much!"])   # (texts, labels), calibrated
"""
